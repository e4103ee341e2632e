package client

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// attributeID numbers the attributes of notification.
type attributeID uint8

// The attributes (LwM2M 1.1 Core, 5.1.2; 1.2 Core, 7.3.2).
const (
	pmin attributeID = iota
	pmax
	epmin
	epmax
	gt
	lt
	st
	edge
	con
	hqmax
	numAttributes
)

// attributeRow is a row of the table of attributes.
type attributeRow struct {
	name    string
	numeric bool // of a numeric resource or resource instance only
	whole   bool // a whole number
	max     float64
}

var attributeRows = [numAttributes]attributeRow{
	pmin:  {"pmin", false, true, maxPeriod},
	pmax:  {"pmax", false, true, maxPeriod},
	epmin: {"epmin", false, true, maxPeriod},
	epmax: {"epmax", false, true, maxPeriod},
	gt:    {"gt", true, false, math.MaxFloat64},
	lt:    {"lt", true, false, math.MaxFloat64},
	st:    {"st", true, false, math.MaxFloat64},
	edge:  {"edge", false, true, 1},
	con:   {"con", false, true, 1},
	hqmax: {"hqmax", false, true, maxPeriod},
}

// maxPeriod bounds periods, in seconds: 68 years.
const maxPeriod = 1<<31 - 1

func validPeriod(n int64) bool { return n >= 0 && n <= maxPeriod }

// maxAttributes bounds the paths of a client that have attributes.
const maxAttributes = 256

// attributes are those attached to one path.
type attributes struct {
	has    [numAttributes]bool
	values [numAttributes]float64
}

// parse applies the query of a Write-Attributes: "pmin=1" sets, "pmin" and
// "pmin=" take away. numeric says whether the path has a number. False for
// what makes no sense, also together.
func (a *attributes) parse(query []string, numeric bool) bool {
	for _, q := range query {
		name, value, _ := strings.Cut(q, "=")
		id := attributeNamed(name)
		if id == numAttributes {
			return false
		}
		row := attributeRows[id]
		if value == "" {
			a.has[id], a.values[id] = false, 0
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil || strings.Trim(value, "+-.0123456789eE") != "" || math.Abs(n) > row.max,
			row.numeric && !numeric,
			id == st && n <= 0,
			row.whole && (n < 0 || n != math.Trunc(n)):
			return false
		}
		a.has[id], a.values[id] = true, n
	}
	// LwM2M 1.1 Core, 5.1.2: lt + 2*st < gt.
	return !a.has[lt] || !a.has[gt] || a.values[lt]+2*a.values[st] < a.values[gt]
}

func attributeNamed(name string) attributeID {
	for id, row := range attributeRows {
		if row.name == name {
			return attributeID(id)
		}
	}
	return numAttributes
}

// inherit takes what is not set here from a path above.
func (a *attributes) inherit(above attributes) {
	for id := range numAttributes {
		if !a.has[id] && above.has[id] {
			a.has[id], a.values[id] = true, above.values[id]
		}
	}
}

// period is a time in seconds, 0 when it is not set.
func (a *attributes) period(id attributeID) time.Duration {
	return time.Duration(a.values[id]) * time.Second
}

// params writes the attributes for Discover.
func (a *attributes) params() []wire.Param {
	var list []wire.Param
	for id, row := range attributeRows {
		if a.has[id] {
			list = append(list, wire.Param{Name: row.name, Value: strconv.FormatFloat(a.values[id], 'f', -1, 64), HasValue: true})
		}
	}
	return list
}

// inherited is what is in force at a path: its own attributes and those of the
// paths above. The caller holds mu.
func (c *Client) inherited(p wire.Path) attributes {
	a := c.attributes[p]
	for n := p.Len() - 1; n > 0; n-- {
		a.inherit(c.attributes[p.Up(n)])
	}
	return a
}

// writeAttributes is PUT without payload and format (LwM2M 1.1 Core, 6.3.4).
func (c *Client) writeAttributes(ctx context.Context, p wire.Path, r *coap.Request) (coap.Response, error) {
	if len(r.Query) == 0 {
		return coap.Response{}, errBadRequest
	}
	t, err := c.existing(ctx, p)
	if err != nil {
		return coap.Response{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.attributes[p]
	switch {
	case !a.parse(r.Query, t.numeric()):
		return coap.Response{}, errBadRequest
	case a == attributes{}:
		delete(c.attributes, p)
	case len(c.attributes) >= maxAttributes && c.attributes[p] == attributes{}:
		return coap.Response{}, &Error{Code: lwm2m9.CodeUnavailable}
	default:
		if c.attributes == nil {
			c.attributes = make(map[wire.Path]attributes)
		}
		c.attributes[p] = a
	}
	c.setAllPeriods()
	return answer(lwm2m9.CodeChanged), nil
}
