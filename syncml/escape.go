package syncml

import "bytes"

// escape writes s as XML text with named entities only. It is for people and
// for objects rebuilt from WBXML; messages are written by etree.
func escape(out *bytes.Buffer, s string) {
	for {
		i := 0
		for i < len(s) && s[i] != '&' && s[i] != '<' && s[i] != '>' {
			i++
		}
		out.WriteString(s[:i])
		if i == len(s) {
			return
		}
		switch s[i] {
		case '&':
			out.WriteString("&amp;")
		case '<':
			out.WriteString("&lt;")
		default:
			out.WriteString("&gt;")
		}
		s = s[i+1:]
	}
}
