package delivery

// Token is what stands for a grant in a URL of any scheme: 56 to 208 characters
// of base64url. [Server.Path] is the HTTP path with it.
func (s *Server) Token(g Grant) (string, error) { return s.seal.token(g) }

// Grant is what a token of ours grants now; false for any other string, after
// its time, and when it is not wanted any more. It is for whoever serves
// packages by another protocol.
func (s *Server) Grant(token string) (Grant, bool) {
	g, ok := s.seal.grant(token)
	if !ok || !s.o.Now().Before(g.Expires) {
		return Grant{}, false
	}
	return g, s.o.Wanted == nil || s.o.Wanted(g)
}
