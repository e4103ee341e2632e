package main

import (
	"fmt"
	"strconv"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// translation is what map prints: the tables of package mapping with every
// number and name written out.
type translation struct {
	UpdateStates  []numbers  `json:"update_states"`
	UpdateResults []numbers  `json:"update_results"`
	States        []stateRow `json:"states"`
	ToLegacy      []endRow   `json:"results_to_legacy"`
	Faults        []endRow   `json:"faults_to_legacy"`
	ToObject9     []codeRow  `json:"codes_to_object9"`
}

// numbers are those of one meaning in both dialects.
type numbers struct {
	Meaning    string  `json:"meaning"`
	Draft      *number `json:"draft"`
	Registered *number `json:"registered"`
}

// number is a number of a dialect. A substitute is written for a meaning that
// the dialect does not have, and reads as its own.
type number struct {
	Number     int64 `json:"number"`
	Substitute bool  `json:"substitute,omitempty"`
}

// stateRow is one State of ./FwUpdate.
type stateRow struct {
	State     coded  `json:"state"`
	CountsAs  coded  `json:"counts_as"`
	Situation string `json:"situation"`
	Result    string `json:"result,omitempty"` // that a legacy device in it has to report, if any
}

// endRow is what an end of Object 9 means to a legacy server.
type endRow struct {
	Cause    string `json:"cause"`
	Download end    `json:"download"`
	Install  end    `json:"install"`
}

// end is a State and the code of the final notification; zero is none.
type end struct {
	State *coded `json:"state"`
	Code  *coded `json:"code"`
}

// codeRow is what FUMO result codes mean to an LwM2M server.
type codeRow struct {
	First  int    `json:"first"`
	Last   int    `json:"last"`
	Result string `json:"result"`
}

// coded is a number and its name.
type coded struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
}

// numbered is a state or result of Object 9.
type numbered interface {
	~uint8
	fmt.Stringer
	Number(lwm2m9.Dialect) (int64, bool)
}

func translationTables() translation {
	t := translation{
		UpdateStates:  dialectNumbers(lwm2m9.Dialect.State),
		UpdateResults: dialectNumbers(lwm2m9.Dialect.Result),
	}
	for _, r := range mapping.StateRows() {
		row := stateRow{State: codedState(r.State), CountsAs: codedState(r.CountsAs), Situation: r.Situation}
		if r.Result != lwm2m9.ResultUnknown {
			row.Result = r.Result.String()
		}
		t.States = append(t.States, row)
	}
	for _, r := range mapping.ResultRows() {
		t.ToLegacy = append(t.ToLegacy, endRow{r.Result.String(), endOf(r.Download), endOf(r.Install)})
	}
	for _, r := range mapping.FaultRows() {
		t.Faults = append(t.Faults, endRow{r.Meaning, endOf(r.Download), endOf(r.Install)})
	}
	for _, r := range mapping.CodeRows() {
		t.ToObject9 = append(t.ToObject9, codeRow{int(r.First), int(r.Last), r.Result.String()})
	}
	return t
}

// dialectNumbers lists the values that have a number somewhere; the first
// value of the type, zero, is the unknown one. Read is the way back.
func dialectNumbers[T numbered](read func(lwm2m9.Dialect, int64) T) []numbers {
	in := func(v T, d lwm2m9.Dialect) *number {
		n, ok := v.Number(d)
		if !ok {
			return nil
		}
		return &number{n, read(d, n) != v}
	}
	var all []numbers
	for v := T(1); ; v++ {
		row := numbers{v.String(), in(v, lwm2m9.Draft), in(v, lwm2m9.Registered)}
		if row.Draft == nil && row.Registered == nil {
			return all
		}
		all = append(all, row)
	}
}

func codedState(s fwupdate.State) coded { return coded{int(s), s.Name()} }

func endOf(v mapping.Verdict) end {
	if v == (mapping.Verdict{}) {
		return end{}
	}
	state, code := codedState(v.State), coded{int(v.Code), v.Code.Name()}
	return end{&state, &code}
}

// table is one table as text, its first row the heading.
type table struct {
	title string
	rows  [][]string
}

func (t translation) text() []table {
	states := table{"States of ./FwUpdate (counts as: where FUMO has one that ./FwUpdate has not)", [][]string{{"State", "name", "counts as", "in Object 9", "result to report"}}}
	for _, r := range t.States {
		states.rows = append(states.rows, []string{strconv.Itoa(r.State.Number), r.State.Name, strconv.Itoa(r.CountsAs.Number), r.Situation, dash(r.Result)})
	}
	codes := table{"FUMO result codes to Update Results", [][]string{{"codes", "Update Result"}}}
	for _, r := range t.ToObject9 {
		span := strconv.Itoa(r.First)
		if r.Last != r.First {
			span += "-" + strconv.Itoa(r.Last)
		}
		codes.rows = append(codes.rows, []string{span, r.Result})
	}
	return []table{
		numbersTable("Update State (resource 7) in both dialects", t.UpdateStates),
		numbersTable("Update Result (resource 9) in both dialects", t.UpdateResults),
		states,
		endsTable("Update Results to State and FUMO result code", "Update Result", t.ToLegacy),
		endsTable("What no Update Result tells of", "cause", t.Faults),
		codes,
	}
}

func numbersTable(title string, rows []numbers) table {
	t := table{title, [][]string{{"meaning", "draft", "registered"}}}
	cell := func(n *number) string {
		switch {
		case n == nil:
			return "-"
		case n.Substitute:
			return fmt.Sprintf("- (%d is written)", n.Number)
		}
		return strconv.FormatInt(n.Number, 10)
	}
	for _, r := range rows {
		t.rows = append(t.rows, []string{r.Meaning, cell(r.Draft), cell(r.Registered)})
	}
	return t
}

func endsTable(title, cause string, rows []endRow) table {
	t := table{title, [][]string{{cause, "while downloading", "while installing"}}}
	words := func(e end) string {
		if e.State == nil {
			return "-"
		}
		return fmt.Sprintf("%d %s, %d %s", e.State.Number, e.State.Name, e.Code.Number, e.Code.Name)
	}
	for _, r := range rows {
		t.rows = append(t.rows, []string{r.Cause, words(r.Download), words(r.Install)})
	}
	return t
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
