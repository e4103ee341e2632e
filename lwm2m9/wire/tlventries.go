package wire

import "slices"

// decodeTLVEntries takes the items of TLV apart. A Read of an instance may be
// answered with or without the instance around its resources, one of a resource
// with the resource or only its instances (LwM2M 1.0 and 1.1 Core, 6.4.3 and
// 7.4.5): each item says by its kind how deep it is.
func decodeTLVEntries(g *gathering, body []byte) {
	items, err := DecodeTLV(body)
	if err != nil {
		g.err = err.(*SyntaxError)
		return
	}
	for i := range items {
		above := g.base
		switch kind := items[i].Kind; {
		case kind == KindInstance:
			above = above.Up(1)
		case kind == KindResourceInstance && above.Len() < 3:
			g.fail(0, "resource instance outside its resource")
		case kind == KindResourceInstance:
			above = above.Up(3)
		case above.Len() == 1:
			above = above.Down(NoInstance)
		default:
			above = above.Up(2)
		}
		g.addItem(above, &items[i])
	}
}

func (g *gathering) addItem(above Path, t *TLV) {
	path := above.Down(t.ID)
	if t.Kind == KindInstance && t.ID > maxInstanceID || t.Kind == KindResourceInstance && t.ID > maxInstanceID {
		g.fail(0, "instance 65535 is reserved")
		return
	}
	switch {
	case !t.Kind.container():
		g.add(0, Entry{Path: path, Value: Value{Type: TypeRawTLV, Str: string(t.Value)}})
	case len(t.Items) == 0:
		g.add(0, Entry{Path: path})
	}
	for i := range t.Items {
		g.addItem(path, &t.Items[i])
	}
}

// appendTLVEntries puts the entries together to items, in the order of their
// paths: what lies side by side there shares its instance and its resource.
func appendTLVEntries(dst []byte, base Path, entries []Entry) ([]byte, error) {
	compare := func(a, b Entry) int { return a.Path.Compare(b.Path) }
	if !slices.IsSortedFunc(entries, compare) {
		entries = slices.Clone(entries)
		slices.SortStableFunc(entries, compare)
	}
	var items []TLV
	for _, e := range entries {
		in := &items
		if e.Path.Len() == 1 {
			continue // an object without instances holds nothing
		}
		if base.Len() == 1 && e.Path.ID(1) != NoInstance {
			t := within(in, KindInstance, e.Path.ID(1))
			if in = &t.Items; e.Path.Len() == 2 {
				continue
			}
		}
		if e.Path.Len() < 3 {
			continue // an instance without resources, likewise
		}
		kind, id := KindResource, e.Path.ID(2)
		if e.Path.Len() == 4 || e.Value.Type == TypeNone {
			if base.Len() < 4 {
				t := within(in, KindMultiple, id)
				in = &t.Items
			}
			kind, id = KindResourceInstance, e.Path.ID(3)
		}
		if e.Value.Type != TypeNone {
			*in = append(*in, TLV{Kind: kind, ID: id, Value: e.Value.AppendTLV(nil)})
		}
	}
	return AppendTLV(dst, items...)
}

// within is the container with that number: the last item, or a new one.
func within(items *[]TLV, kind Kind, id uint16) *TLV {
	n := len(*items)
	if n == 0 || (*items)[n-1].Kind != kind || (*items)[n-1].ID != id {
		*items = append(*items, TLV{Kind: kind, ID: id})
		n++
	}
	return &(*items)[n-1]
}
