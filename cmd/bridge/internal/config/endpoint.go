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

// variables of an endpoint name.
func variables(endpoint string) map[string]string {
	vars := map[string]string{"endpoint": endpoint, "id": endpoint}
	for _, form := range forms {
		if len(endpoint) < len(form.prefix) || !strings.EqualFold(endpoint[:len(form.prefix)], form.prefix) {
			continue
		}
		values := strings.SplitN(endpoint[len(form.prefix):], "-", len(form.parts))
		if len(values) < len(form.parts) || slices.Contains(values, "") {
			break // not of that form after all
		}
		for i, name := range form.parts {
			vars[name] = values[i]
		}
	}
	for _, name := range identities {
		if v := vars[name]; v != "" {
			vars["id"] = strings.ToUpper(name) + ":" + v
		}
	}
	return vars
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
	vars := variables(endpoint)
	return t.expand(func(name string) (string, error) {
		v, ok := vars[name]
		if !ok {
			return "", fmt.Errorf("endpoint %q has no {%s}", endpoint, name)
		}
		return v, nil
	})
}

// expand replaces each {name} by its value.
func (t Template) expand(value func(name string) (string, error)) (string, error) {
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
