package api

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/parleychat/parley/internal/restjson"
	"github.com/parleychat/parley/ivschat"
)

const tagsPath = "/tags/"

// binding makes an operation out of a method: what it reads and whom it calls.
type binding struct {
	decode func(restjson.Request) (any, error)
	call   func(context.Context, any) (any, error)
	// bodiless is a success without a body where others without members say {}.
	bodiless bool
}

// op binds a method of the service.
func op[In, Out any](method func(context.Context, *In) (*Out, error)) binding {
	return binding{
		decode: func(r restjson.Request) (any, error) {
			in := new(In)
			if err := restjson.DecodeRequest(r, in); err != nil {
				return nil, err
			}
			return in, nil
		},
		call: func(ctx context.Context, in any) (any, error) {
			out, err := method(ctx, in.(*In))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}

func bodiless(b binding) binding { b.bodiless = true; return b }

// bindings has one row per operation.
func bindings(s ivschat.API) map[string]binding {
	return map[string]binding{
		"CreateChatToken":            op(s.CreateChatToken),
		"CreateLoggingConfiguration": op(s.CreateLoggingConfiguration),
		"CreateRoom":                 op(s.CreateRoom),
		"DeleteLoggingConfiguration": op(s.DeleteLoggingConfiguration),
		"DeleteMessage":              op(s.DeleteMessage),
		"DeleteRoom":                 op(s.DeleteRoom),
		"DisconnectUser":             bodiless(op(s.DisconnectUser)), // spec: control-plane.md §4.4
		"GetLoggingConfiguration":    op(s.GetLoggingConfiguration),
		"GetRoom":                    op(s.GetRoom),
		"ListLoggingConfigurations":  op(s.ListLoggingConfigurations),
		"ListRooms":                  op(s.ListRooms),
		"ListTagsForResource":        op(s.ListTagsForResource),
		"SendEvent":                  op(s.SendEvent),
		"TagResource":                op(s.TagResource),
		"UntagResource":              op(s.UntagResource),
		"UpdateLoggingConfiguration": op(s.UpdateLoggingConfiguration),
		"UpdateRoom":                 op(s.UpdateRoom),
	}
}

// route is where a method and path lead.
type route struct {
	binding
	name    string
	service string // the one that requests are signed for
	status  int    // of a success
	format  format
}

// routes returns the route table. A row without a binding is our bug.
func routes(s ivschat.API) map[string]route {
	bound := bindings(s)
	table := make(map[string]route)
	for _, row := range ivschat.Operations() {
		b, ok := bound[row.Name]
		if !ok {
			panic(fmt.Sprintf("api: no binding for %s", row.Name))
		}
		path, _, _ := strings.Cut(row.Path, "{")
		table[row.Method+" "+path] = route{
			binding: b, name: row.Name, service: ivschat.ServiceID, status: row.Status, format: jsonFormat{},
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		table[method+" /"] = callerIdentity()
	}
	return table
}

// find returns the route of a request and the members its path holds, still
// percent-encoded. The path is matched as it was sent, byte by byte: what was
// signed is then what is used, and no cleaning or redirecting gets in between.
//
// A known path with another method is as unknown as any: restJson1 has no 405.
// HEAD and OPTIONS are no exception, for there is no CORS here.
func (h *handler) find(r *http.Request) (route, map[string]string, error) {
	path := r.URL.EscapedPath()
	if malformed(path) {
		return route{}, nil, badPath()
	}
	var members map[string]string
	if tail, ok := strings.CutPrefix(path, tagsPath); ok && tail != "" {
		// The ARN's slash may have been escaped or not (spec: control-plane.md §1.1).
		path, members = tagsPath, map[string]string{"resourceArn": tail}
	} else if path == tagsPath {
		return route{}, nil, unknownOperation()
	}
	to, ok := h.routes[r.Method+" "+path]
	if !ok || path == "/" && !isQueryProtocol(r) {
		return route{}, nil, unknownOperation()
	}
	return to, members, nil
}

// isQueryProtocol tells requests to "/" that are meant for STS from those of
// clients of this service that have lost their path.
func isQueryProtocol(r *http.Request) bool {
	if r.URL.Query().Has("Action") {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Method == http.MethodPost && err == nil && mediaType == "application/x-www-form-urlencoded"
}

// malformed tells paths that some proxy or router in front may have read in
// another way than we would: empty and dot segments and control characters,
// and outside the tag operations escaped separators.
func malformed(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return true
	}
	inTags := strings.HasPrefix(path, tagsPath)
	for segment := range strings.SplitSeq(path[1:], "/") {
		segment = strings.ToLower(segment)
		if dots := strings.ReplaceAll(segment, "%2e", "."); dots == "." || dots == ".." {
			return true
		}
		for i := strings.IndexByte(segment, '%'); i >= 0 && i+2 < len(segment); i++ {
			if segment[i] != '%' {
				continue
			}
			switch code := segment[i+1 : i+3]; {
			case code < "20", code == "7f":
				return true
			case !inTags && (code == "2f" || code == "5c"):
				return true
			}
		}
	}
	return false
}
