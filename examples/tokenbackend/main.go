// Command tokenbackend is the part of your own backend that hands chat tokens
// to your users; who they are is for your log-in to say.
//
//	tokenbackend 127.0.0.1:8080 arn:aws:ivschat:us-west-2:000000000000:room/lobbyDev0001
//	curl -X POST 'http://127.0.0.1:8080/token?user=ana'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/parleychat/parley/ivschat"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: tokenbackend ADDRESS ROOM-ARN")
	}
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /token", tokens(ivschat.NewFromConfig(cfg), os.Args[2]))
	fmt.Println("http://" + listener.Addr().String())
	log.Fatal(http.Serve(listener, nil))
}

// tokens answers with what the messaging SDKs' token providers return.
func tokens(client ivschat.API, room string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := client.CreateChatToken(r.Context(), &ivschat.CreateChatTokenInput{
			RoomIdentifier: room,
			UserID:         r.FormValue("user"),
			Capabilities:   []ivschat.Capability{ivschat.CapabilitySendMessage},
		})
		if _, wrong := errors.AsType[*ivschat.ParamValidationError](err); wrong {
			http.Error(w, "who are you?", http.StatusBadRequest)
			return
		}
		if err != nil {
			log.Print(err)
			http.Error(w, "no chat today", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(out); err != nil {
			log.Print(err)
		}
	}
}
