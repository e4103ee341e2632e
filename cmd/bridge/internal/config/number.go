package config

import "strings"

// Number brings a telephone number into one form: digits, with the country,
// without + or 00 before them. It may be written with spaces, dots, hyphens
// and brackets. False is no number of 3 to 15 digits (E.164).
func Number(text string) (string, bool) {
	n := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()", r) {
			return -1
		}
		return r
	}, text)
	if plus, ok := strings.CutPrefix(n, "+"); ok {
		n = plus
	} else {
		n = strings.TrimPrefix(n, "00")
	}
	if len(n) < 3 || len(n) > 15 || strings.Trim(n, "0123456789") != "" {
		return "", false
	}
	return n, true
}

// NumberOf is the telephone number of an endpoint at its DM server, in the form
// of [Number]; false when it has none.
func (c *Config) NumberOf(endpoint string) (string, bool) {
	s, ok := c.ServerFor(endpoint)
	if !ok {
		return "", false
	}
	if s.accounts != nil {
		if r := s.accounts.rows[endpoint]; r.number != "" {
			return r.number, true
		}
	}
	text, err := s.Account.MSISDN.fill(endpoint)
	if err != nil {
		return "", false
	}
	return Number(text)
}

// Serves says whether a server of that id is configured.
func (c *Config) Serves(serverID string) bool {
	for i := range c.Servers {
		if c.Servers[i].ServerID == serverID {
			return true
		}
	}
	return false
}

// numbered reads the number of a line. Two lines cannot have the same one: a
// trigger could not say which it means.
func (r *accountReader) numbered(a *row, text string) bool {
	if text == "" {
		return true
	}
	n, ok := Number(text)
	switch {
	case !ok:
		r.fail(a.line, "msisdn %q is no telephone number, such as +4915112345678", text)
		return false
	case r.numbers[n] != "":
		r.fail(a.line, "msisdn %q is that of %s too, in line %d", text, r.numbers[n], r.rows[r.numbers[n]].line)
		return false
	}
	a.number = n
	return true
}
