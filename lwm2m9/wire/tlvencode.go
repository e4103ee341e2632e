package wire

import "fmt"

// AppendTLV appends the items, each in its shortest form. It fails for items
// that no decoder would take: a kind where it may not stand, a value in a
// container, more than 24 bits of length. dst is returned unchanged then.
func AppendTLV(dst []byte, items ...TLV) ([]byte, error) {
	out := dst
	var err error
	for i := range items {
		if out, err = appendItem(out, top, &items[i]); err != nil {
			return dst, err
		}
	}
	return out, nil
}

func appendItem(dst []byte, in Kind, t *TLV) ([]byte, error) {
	if t.Kind > KindResource || !in.holds(t.Kind) {
		return dst, fmt.Errorf("wire: TLV %d: %v inside %v", t.ID, t.Kind, in)
	}
	if !t.Kind.container() {
		if len(t.Items) > 0 {
			return dst, fmt.Errorf("wire: TLV %d: %v with items", t.ID, t.Kind)
		}
		return appendContent(dst, t, t.Value)
	}
	if len(t.Value) > 0 {
		return dst, fmt.Errorf("wire: TLV %d: %v with a value", t.ID, t.Kind)
	}
	var inside []byte
	var err error
	for i := range t.Items {
		if inside, err = appendItem(inside, t.Kind, &t.Items[i]); err != nil {
			return dst, err
		}
	}
	return appendContent(dst, t, inside)
}

// appendContent writes type, identifier, length and content.
func appendContent(dst []byte, t *TLV, content []byte) ([]byte, error) {
	n := len(content)
	typ := byte(t.Kind) << 6
	if t.ID > 0xff {
		typ |= 1 << 5
	}
	width := 0
	switch {
	case n <= 7:
		typ |= byte(n)
	case n <= 0xff:
		width = 1
	case n <= 0xffff:
		width = 2
	case n <= maxTLVLength:
		width = 3
	default:
		return dst, fmt.Errorf("wire: TLV %d: %d bytes, at most %d", t.ID, n, maxTLVLength)
	}
	dst = append(dst, typ|byte(width)<<3)
	if t.ID > 0xff {
		dst = append(dst, byte(t.ID>>8))
	}
	dst = append(dst, byte(t.ID))
	for i := width - 1; i >= 0; i-- {
		dst = append(dst, byte(n>>(8*i)))
	}
	return append(dst, content...), nil
}
