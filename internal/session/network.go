package session

import "github.com/parleychat/parley/internal/limit"

func (s *Server) enterNetwork(ip string) bool {
	if s.options.ClientSessions == 0 {
		return true
	}
	return s.networks.Take(limit.Key{What: limit.Network(ip)}, s.options.ClientSessions)
}

func (s *Server) leaveNetwork(ip string) {
	if s.options.ClientSessions > 0 {
		s.networks.Release(limit.Key{What: limit.Network(ip)})
	}
}
