package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"parley": func() { os.Exit(run()) }})
}

// The command as a user types it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// waitfile FILE... waits until the files are there and not empty.
			"waitfile": waitFile,
			// endpoint FILE sets AWS_ENDPOINT_URL_IVSCHAT from a ready file.
			"endpoint": setEndpoint,
			// createroom REGION makes a room.
			"createroom": createRoom,
			// makecert CA CERT KEY writes a certificate for loopback and who issued it.
			"makecert": makeCertificate,
			// sethandler ROOM URI FALLBACK gives a room a message review handler.
			"sethandler": setHandler,
			// room VARIABLE [BUCKET] makes a room, logged to the bucket if one is named.
			"room": makeRoom,
			// credentials FILE takes what parley keys printed into the environment.
			"credentials": setCredentials,
			// call OPERATION calls ListRooms or CreateRoom with them.
			"call": call,
			// waituntil OPERATION CODE calls it until it is answered with CODE, or ok.
			"waituntil": waitUntil,
			// waitsigned waits until the server knows the credentials.
			"waitsigned": waitSigned,
			// sendevent ROOM NAME sends an event to a room.
			"sendevent": sendEvent,
			// waitshipped DATA waits until the outbox of a data directory is empty.
			"waitshipped": waitShipped,
		},
	})
}
