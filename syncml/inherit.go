package syncml

// MetaOf is what counts for item i: its own Meta, and that of the command for
// each element it has not (RepPro 1.2, 6.4.5; oma-dm.md 11, row 36).
func (o *Op) MetaOf(i int) Meta { return o.Items[i].Meta.or(o.Meta) }

// MetaOf is what counts for item i, as in [Op.MetaOf].
func (r *Results) MetaOf(i int) Meta { return r.Items[i].Meta.or(r.Meta) }

// or is m with the elements of base that m has not. NextNonce, MaxMsgSize and
// MaxObjSize are not inherited: they are of credentials and headers.
func (m Meta) or(base Meta) Meta {
	for _, f := range []struct{ own, base *string }{
		{&m.Format, &base.Format},
		{&m.Type, &base.Type},
		{&m.Mark, &base.Mark},
		{&m.Version, &base.Version},
	} {
		if *f.own == "" {
			*f.own = *f.base
		}
	}
	if m.Size == 0 {
		m.Size = base.Size
	}
	return m
}
