package wire

// The character classes of link-format (RFC 6690, 2; RFC 5987, 3.2.1; RFC
// 3986, 2). The scanner's 0 at the end is in none of them.

// isTarget takes what may stand between the angle brackets: all that is
// printable but the brackets themselves, quotes and spaces. Bytes over 0x7f
// should be escaped in a URI and are taken all the same.
func isTarget(c byte) bool {
	return c > ' ' && c != 0x7f && c != '<' && c != '>' && c != '"'
}

// isParamName takes parmname, and the star that may end it.
func isParamName(c byte) bool {
	if isAlphanumeric(c) {
		return true
	}
	switch c {
	case '!', '#', '$', '&', '+', '-', '.', '^', '_', '`', '|', '~', '*', '%', '\'':
		return true
	}
	return false
}

// isToken takes ptokenchar: what a value without quotes may hold.
func isToken(c byte) bool {
	return c > ' ' && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\'
}

// isUnquoted takes what is read as a value without quotes.
func isUnquoted(c byte) bool {
	return c > ' ' && c != 0x7f && c != '"' && c != ',' && c != ';'
}

// isQuotable takes what may stand in quotes, escaped or not.
func isQuotable(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// mustQuote says that a value is not a ptoken.
func mustQuote(v string) bool { return v == "" || !all(v, isToken) }

func all(s string, in func(byte) bool) bool {
	for i := range len(s) {
		if !in(s[i]) {
			return false
		}
	}
	return true
}
