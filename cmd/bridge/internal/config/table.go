package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// csvTable reads a CSV file of accounts and goes on after a problem.
type csvTable struct {
	file     string
	columns  []string // those that there can be, in the order of the documentation
	key      string   // the one that there must be
	account  func(line int, field func(column string) string)
	at       map[string]int // column -> its place in the line
	problems Problems
}

func (t *csvTable) fail(line int, format string, args ...any) {
	t.problems = append(t.problems, Problem{File: t.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// read hands each line to account.
func (t *csvTable) read(data []byte) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	in.Comment, in.FieldsPerRecord, in.ReuseRecord = '#', -1, true
	for n := 0; ; n++ {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			if n == 0 {
				t.fail(0, "is empty; the first line names the columns: %s", strings.Join(t.columns, ","))
			}
			return
		}
		if e, ok := errors.AsType[*csv.ParseError](err); ok {
			t.fail(e.StartLine, "not CSV at column %d: %v; put fields with quotes or line ends in quotes", e.Column, e.Err)
			return // what follows would only be its echo
		}
		line, _ := in.FieldPos(0)
		switch {
		case n == 0:
			if !t.header(line, record) {
				return
			}
		case n > maxAccounts:
			t.fail(line, "more than %d accounts", maxAccounts)
			return
		default:
			t.line(line, record)
		}
	}
}

// header finds the columns; they may stand in any order.
func (t *csvTable) header(line int, record []string) bool {
	t.at = map[string]int{}
	before := len(t.problems)
	for i, name := range record {
		name = strings.TrimSpace(name)
		if !slices.Contains(t.columns, name) {
			// The name is not shown: without a header this is an account.
			t.fail(line, "column %d is unknown; the first line names the columns: %s", i+1, strings.Join(t.columns, ","))
		} else if _, twice := t.at[name]; twice {
			t.fail(line, "column %s stands twice", name)
		}
		t.at[name] = i
	}
	if _, ok := t.at[t.key]; !ok && len(t.problems) == before {
		t.fail(line, "column %s is missing", t.key)
	}
	return len(t.problems) == before
}

func (t *csvTable) line(line int, record []string) {
	if len(record) != len(t.at) {
		t.fail(line, "has %d fields; the first line has %d", len(record), len(t.at))
		return
	}
	for i, text := range record {
		if len(text) > maxText {
			t.fail(line, "field %d is %d bytes long; at most %d", i+1, len(text), maxText)
			return
		}
	}
	t.account(line, func(column string) string {
		if i, ok := t.at[column]; ok {
			return strings.Clone(record[i]) // the record is the size of its line
		}
		return ""
	})
}

// all are the problems, those beyond maxReported as one.
func (t *csvTable) all() Problems {
	if n := len(t.problems); n > maxReported {
		return append(t.problems[:maxReported:maxReported], Problem{File: t.file, Line: t.problems[maxReported].Line,
			Text: fmt.Sprintf("and %d more problems from here on", n-maxReported)})
	}
	return t.problems
}
