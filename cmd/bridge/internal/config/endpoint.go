package config

import (
	"fmt"
	"slices"
	"strings"
)

// Template is text with variables over the endpoint name, such as IMEI:{imei}.
// A variable that an endpoint does not have is an error for that device.
//
// Every endpoint has {endpoint}, its whole name, and {id}: "IMEI:" and the
// IMEI where there is one, the same for ESN and MEID, else the endpoint. The
// others come from the endpoint's form (LwM2M 1.0, 6.2.1 and 1.1 Core, 7.4.1).
type Template string

// forms are the endpoint names that LwM2M knows, and the variables in them.
// Parts are separated by '-'; the last takes what is left.
var forms = []struct {
	prefix string
	parts  []string
}{
	{"urn:imei:", []string{"imei"}},
	{"urn:esn:", []string{"esn"}},
	{"urn:meid:", []string{"meid"}},
	{"urn:uuid:", []string{"uuid"}},
	{"urn:imei-msisdn:", []string{"imei", "msisdn"}},
	{"urn:imei-imsi:", []string{"imei", "imsi"}},
	{"urn:dev:ops:", []string{"oui", "class", "serial"}},
	{"urn:dev:os:", []string{"oui", "serial"}},
}

// identities are the variables that OMA DM has a prefix for.
var identities = []string{"imei", "esn", "meid"}

// variable is what a name stands for with an endpoint. It is asked for at every
// session of a device.
func variable(endpoint, name string) (value string, ok bool) {
	switch name {
	case "endpoint":
		return endpoint, true
	case "id":
		for _, name := range identities {
			if v, ok := formPart(endpoint, name); ok {
				return strings.ToUpper(name) + ":" + v, true
			}
		}
		return endpoint, true
	}
	return formPart(endpoint, name)
}

// formPart is a part of an endpoint by its name, if the endpoint is of one of
// forms and has no empty part.
func formPart(endpoint, name string) (value string, ok bool) {
	for _, form := range forms {
		if len(endpoint) < len(form.prefix) || !strings.EqualFold(endpoint[:len(form.prefix)], form.prefix) {
			continue
		}
		rest := endpoint[len(form.prefix):]
		for i, part := range form.parts {
			text, after, more := rest, "", i < len(form.parts)-1
			if more {
				text, after, more = strings.Cut(rest, "-")
				if !more {
					return "", false
				}
			}
			if text == "" {
				return "", false
			}
			if part == name {
				value, ok = text, true
			}
			rest = after
		}
		return value, ok
	}
	return "", false
}

// variableNames lists every variable that there can be.
func variableNames() []string {
	names := []string{"endpoint", "id"}
	for _, form := range forms {
		for _, name := range form.parts {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// check refuses what can never be filled in.
func (t Template) check() error {
	_, err := t.expand(func(name string) (string, error) {
		if names := variableNames(); !slices.Contains(names, name) {
			return "", fmt.Errorf("no variable {%s}; there are {%s}", name, strings.Join(names, "}, {"))
		}
		return "", nil
	})
	return err
}

// fill puts the endpoint's variables in.
func (t Template) fill(endpoint string) (string, error) {
	return t.expand(func(name string) (string, error) {
		v, ok := variable(endpoint, name)
		if !ok {
			return "", fmt.Errorf("endpoint %q has no {%s}", endpoint, name)
		}
		return v, nil
	})
}

// expand replaces each {name} by its value.
func (t Template) expand(value func(name string) (string, error)) (string, error) {
	if strings.IndexByte(string(t), '{') < 0 {
		return string(t), nil
	}
	var b strings.Builder
	rest := string(t)
	for {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return "", fmt.Errorf("a { without its }")
		}
		v, err := value(name)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		rest = tail
	}
	return b.String(), nil
}
