package ivschat

import "net/http"

// Operation is one row of the service's route table (spec: control-plane.md §1).
type Operation struct {
	Name       string
	Method     string
	Path       string // "/tags/{resourceArn}" for the three tag operations
	Status     int    // of a success
	Idempotent bool
	Paginated  bool
	ReadOnly   bool
}

const tagsPath = "/tags/{resourceArn}"

// Operations returns the route table, one row per operation, by name.
func Operations() []Operation {
	post := func(name string, status int) Operation {
		return Operation{Name: name, Method: http.MethodPost, Path: "/" + name, Status: status}
	}
	read := func(op Operation) Operation { op.ReadOnly = true; return op }
	paged := func(op Operation) Operation { op.Paginated = true; return op }
	return []Operation{
		post("CreateChatToken", http.StatusOK),
		post("CreateLoggingConfiguration", http.StatusOK),
		post("CreateRoom", http.StatusOK),
		post("DeleteLoggingConfiguration", http.StatusNoContent),
		post("DeleteMessage", http.StatusOK),
		post("DeleteRoom", http.StatusNoContent),
		post("DisconnectUser", http.StatusOK),
		read(post("GetLoggingConfiguration", http.StatusOK)),
		read(post("GetRoom", http.StatusOK)),
		paged(read(post("ListLoggingConfigurations", http.StatusOK))),
		paged(read(post("ListRooms", http.StatusOK))),
		{Name: "ListTagsForResource", Method: http.MethodGet, Path: tagsPath, Status: http.StatusOK, ReadOnly: true},
		post("SendEvent", http.StatusOK),
		{Name: "TagResource", Method: http.MethodPost, Path: tagsPath, Status: http.StatusOK},
		{Name: "UntagResource", Method: http.MethodDelete, Path: tagsPath, Status: http.StatusOK, Idempotent: true},
		post("UpdateLoggingConfiguration", http.StatusOK),
		post("UpdateRoom", http.StatusOK),
	}
}
