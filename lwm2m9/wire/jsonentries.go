package wire

// SenML JSON (RFC 8428, 5) and LwM2M JSON (LwM2M 1.0, 6.4.4) as entries.

func decodeSenMLJSON(g *gathering, body []byte) {
	if len(body) == 0 {
		return
	}
	j := newJSON(g, body)
	p := pack{gathering: g}
	j.open('[', "an array")
	for j.more() {
		r := j.record(jsonFields)
		p.add(&r)
	}
}

// record reads one object of name, time and value.
func (j *jsonReader) record(labels map[string]field) record {
	var r record
	j.open('{', "an object")
	for j.more() {
		label := j.text(MaxPackSize)
		r.take(j, labels[label], label)
	}
	r.end = j.offset()
	return r
}

// decodeLwM2MJSON reads the object around the records. The base name and the
// base time may stand after them.
func decodeLwM2MJSON(g *gathering, body []byte) {
	if len(body) == 0 {
		return
	}
	j := newJSON(g, body)
	p := pack{gathering: g}
	var records []record
	var around record // the members of the object, as if it were a record
	hasRecords := false
	j.open('{', "an object")
	for j.more() {
		label := j.text(MaxPackSize)
		if label == "e" {
			if hasRecords {
				j.fail("a label comes twice")
			}
			records, hasRecords = j.records(), true
			continue
		}
		f := jsonFields[label]
		if f != fieldBaseName && f != fieldBaseTime {
			f = fieldOther
		}
		around.take(j, f, label)
	}
	if !hasRecords {
		j.fail("no array e")
	}
	p.baseName, p.hasBase, p.baseTime = around.baseName, around.hasBase, around.baseTime
	for i := range records {
		p.add(&records[i])
	}
}

func (j *jsonReader) records() []record {
	var records []record
	j.open('[', "an array")
	for j.more() {
		if len(records) == MaxEntries {
			j.fail("too many entries")
		}
		r := j.record(lwm2mFields)
		if r.value.Type == TypeNull {
			j.fail("null is no value")
		}
		records = append(records, r)
		j.g.read = len(records)
	}
	j.g.read = 0
	return records
}

func appendSenMLJSON(dst []byte, base Path, entries []Entry) ([]byte, error) {
	baseName, cut := names(base, entries)
	dst = append(dst, '[')
	for i, e := range entries {
		w := jsonObject{dst: append(dst, ',')}
		if i == 0 {
			w.dst = dst
		}
		w.open()
		if i == 0 && baseName != "" {
			w.string("bn", baseName)
		}
		w.entry(e, cut, jsonLabel)
		dst = append(w.dst, '}')
	}
	return append(dst, ']'), nil
}

func appendLwM2MJSON(dst []byte, base Path, entries []Entry) ([]byte, error) {
	baseName, cut := names(base, entries)
	around := jsonObject{dst: dst}
	around.open()
	if baseName != "" {
		around.string("bn", baseName)
	}
	around.label("e")
	dst = append(around.dst, '[')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		w := jsonObject{dst: dst}
		w.open()
		w.entry(e, cut, lwm2mLabel)
		dst = append(w.dst, '}')
	}
	return append(dst, "]}"...), nil
}
