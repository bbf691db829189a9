package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/parleychat/parley/internal/store"
	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/ivschat"
)

// page is one list request's place: page tokens are bound to the tenant, the
// operation and the filters, so that none works elsewhere.
type page struct {
	pager   *token.Pager
	binding string
	size    int
}

func (s *Service) page(t store.Tenant, operation string, size *int32, filters ...*string) page {
	h := sha256.New()
	add := func(part string) {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write([]byte(part))
	}
	for _, part := range []string{t.Account, t.Region, operation} {
		add(part)
	}
	for _, filter := range filters {
		if filter == nil {
			h.Write([]byte{0})
			continue
		}
		h.Write([]byte{1})
		add(*filter)
	}
	p := page{pager: s.Pager, binding: hex.EncodeToString(h.Sum(nil)), size: defaultPage}
	if size != nil {
		p.size = int(*size)
	}
	return p
}

// open returns where the page begins, or what is wrong with the token.
func (p page) open(text *string) (store.Cursor, []ivschat.ValidationExceptionField) {
	if text == nil || *text == "" {
		return store.Cursor{}, nil
	}
	c, err := p.pager.Open(*text, p.binding)
	if err != nil {
		return store.Cursor{}, []ivschat.ValidationExceptionField{{
			Name: "nextToken", Message: "value must be the nextToken of an answer to the same request",
		}}
	}
	return store.Cursor{UpdateTime: c.UpdateTime, ID: c.ID}, nil
}

func (p page) seal(at time.Time, id string) *string {
	return new(p.pager.Seal(token.Cursor{UpdateTime: at, ID: id}, p.binding))
}
