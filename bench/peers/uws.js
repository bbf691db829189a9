// The fan-out of uWebSockets, as Bun carries it: topics, server.publish.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response("WebSocket only", { status: 400 });
  },
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 0,
    sendPings: false,
    message(ws, text) {
      if (text[0] === "j") {
        ws.subscribe(text.slice(1));
        return;
      }
      const space = text.indexOf(" ");
      server.publish(text.slice(1, space), text.slice(space + 1));
    },
  },
});
