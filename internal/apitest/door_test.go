package apitest_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/parleychat/parley/internal/restjson"
	"github.com/parleychat/parley/ivschat"
)

// serve is the least front door that the clients can be tested through: it
// believes every signature and takes the access key for the account.
func serve(t *testing.T, api ivschat.API) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		account, _, _ := strings.Cut(scope, "/")
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Amzn-Requestid", "0f8b1a5e-1c1d-4a39-9d7b-6f0a3a6f0d11")
		status, answer, err := perform(api, r.WithContext(acting(r.Context(), account)))
		if refusal, ok := errors.AsType[ivschat.APIError](err); ok {
			w.Header().Set("X-Amzn-Errortype", refusal.ErrorCode())
			status, answer = refusal.HTTPStatusCode(), refusal
		} else if err != nil {
			t.Errorf("%s: %v", r.URL, err)
			status, answer = http.StatusInternalServerError, nil
		}
		w.WriteHeader(status)
		if status == http.StatusNoContent {
			return
		}
		body, err := restjson.Marshal(answer)
		if err != nil {
			t.Errorf("%s: %v", r.URL, err)
		}
		if _, err := w.Write(body); err != nil {
			t.Logf("%s: %v", r.URL, err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func perform(api ivschat.API, r *http.Request) (status int, answer any, err error) {
	escaped, isTags := strings.CutPrefix(r.URL.EscapedPath(), "/tags/")
	for _, op := range ivschat.Operations() {
		if op.Method != r.Method || op.Path != r.URL.Path && (!isTags || op.Path != "/tags/{resourceArn}") {
			continue
		}
		method := reflect.ValueOf(api).MethodByName(op.Name)
		in := reflect.New(method.Type().In(1).Elem())
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return 0, nil, err
		}
		request := restjson.Request{Path: map[string]string{"resourceArn": escaped}, Query: r.URL.RawQuery, Body: body}
		if err := restjson.DecodeRequest(request, in.Interface()); err != nil {
			return 0, nil, err
		}
		results := method.Call([]reflect.Value{reflect.ValueOf(r.Context()), in})
		err, _ = results[1].Interface().(error)
		return op.Status, results[0].Interface(), err
	}
	return 0, nil, &ivschat.ClientError{Code: "UnknownOperationException", Status: http.StatusNotFound}
}
