package chat

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/parleychat/parley/internal/token"
	"github.com/parleychat/parley/ivschat"
)

const defaultSession = 60 // minutes

// CreateChatToken implements ivschat.API. The session is counted from the
// token's issue (spec: unknowns.md U-CP-13), and no token opens one that would
// be over already.
func (s *Service) CreateChatToken(ctx context.Context, in *ivschat.CreateChatTokenInput) (*ivschat.CreateChatTokenOutput, error) {
	t, err := s.begin(ctx, "CreateChatToken", in, in.RoomIdentifier)
	if err != nil {
		return nil, err
	}
	roomID := idOf(in.RoomIdentifier)
	if _, err := s.room(ctx, key(t, roomID)); err != nil {
		return nil, wire(err, in.RoomIdentifier)
	}
	minutes := int32(defaultSession)
	if in.SessionDurationInMinutes != nil {
		minutes = *in.SessionDurationInMinutes
	}
	issued := now()
	session := time.Duration(minutes) * time.Minute
	claims := token.Claims{
		Account: t.Account, Region: t.Region, RoomID: roomID,
		UserID: in.UserID, Capabilities: token.CapabilitiesOf(in.Capabilities), Attributes: in.Attributes,
		IssuedAt: issued, TokenExpiry: issued.Add(min(s.TokenValidity, session)), SessionExpiry: issued.Add(session),
	}
	rand.Read(claims.ID[:])
	sealed, err := s.Tokens.Seal(claims)
	if err != nil {
		return nil, fmt.Errorf("seal a chat token: %w", err)
	}
	return &ivschat.CreateChatTokenOutput{
		Token: sealed, TokenExpirationTime: claims.TokenExpiry, SessionExpirationTime: claims.SessionExpiry,
	}, nil
}
