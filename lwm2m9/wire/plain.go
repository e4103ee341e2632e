package wire

import "fmt"

// text/plain, opaque and TLV as entries. The first two hold the one value of
// the path they belong to.

func decodeText(g *gathering, body []byte) {
	if len(body) > MaxText {
		g.fail(MaxText, "value is too long")
		return
	}
	g.add(0, Entry{Path: g.base, Value: Value{Type: TypeRawText, Str: string(body)}})
}

func appendText(dst []byte, base Path, entries []Entry) ([]byte, error) {
	v, err := single(FormatText, base, entries)
	if err != nil {
		return nil, err
	}
	return v.AppendText(dst), nil
}

func decodeOpaque(g *gathering, body []byte) {
	g.add(0, Entry{Path: g.base, Value: Opaque(body)})
}

func appendOpaque(dst []byte, base Path, entries []Entry) ([]byte, error) {
	v, err := single(FormatOpaque, base, entries)
	if err != nil {
		return nil, err
	}
	if v.Type != TypeOpaque {
		return nil, &FormatError{Format: FormatOpaque, Encoding: true, Reason: fmt.Sprintf("holds no %v", v.Type)}
	}
	return append(dst, v.Str...), nil
}

// single is the one value of base.
func single(f Format, base Path, entries []Entry) (Value, error) {
	if len(entries) != 1 || entries[0].Path != base || entries[0].Value.Type == TypeNone {
		return Value{}, &FormatError{Format: f, Encoding: true, Reason: "holds exactly one value"}
	}
	return entries[0].Value, nil
}
