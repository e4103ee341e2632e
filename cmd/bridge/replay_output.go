package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/syncml/replay"
)

// replayOutput prints what comes of a replay: as it goes along as text, or at
// the end for other programs.
type replayOutput struct {
	out, errOut io.Writer
	format      string
	colour      bool
	total       int
	report      replay.Report
}

func newReplayOutput(cmd *cobra.Command, f replayFlags, total int) *replayOutput {
	o := &replayOutput{out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr(), format: f.format, total: total}
	o.colour = f.color == "always" || f.color == "auto" && isTerminal(o.out)
	return o
}

// progress tells people something that is no result.
func (o *replayOutput) progress(format string, args ...any) {
	fmt.Fprintf(o.errOut, format+"\n", args...)
}

// add takes the result of one recording. For other formats than text the
// progress of many recordings goes to standard error.
func (o *replayOutput) add(r replay.RecordingReport) error {
	o.report.Recordings = append(o.report.Recordings, r)
	if o.format != "text" {
		if o.total > 1 && isTerminal(o.errOut) {
			o.progress("%d/%d %s", len(o.report.Recordings), o.total, r.Path)
		}
		return nil
	}
	word := "ok"
	if !r.OK() {
		word = "DIFFERENT"
	}
	if r.Err != nil {
		word = "FAILED"
	}
	messages := 0
	for _, res := range r.Results {
		messages += len(res.Steps)
	}
	_, err := fmt.Fprintf(o.out, "%-9s [%d/%d] %s: %s, %s compared\n", word, len(o.report.Recordings), o.total, r.Path,
		count(len(r.Results), "session"), count(messages, "message"))
	if err != nil {
		return err
	}
	for _, res := range r.Results {
		if len(r.Results) > 1 && !res.OK() {
			fmt.Fprintf(o.out, " %s\n", res.Session)
		}
		if err := res.WriteText(o.out, o.colour); err != nil {
			return err
		}
	}
	if r.Err != nil {
		_, err = fmt.Fprintf(o.out, "  %v\n", r.Err)
	}
	return err
}

// finish writes the report and says by its error whether anything differed.
func (o *replayOutput) finish() error {
	var err error
	switch o.format {
	case "json":
		err = o.report.WriteJSON(o.out)
	case "junit":
		err = o.report.WriteJUnit(o.out)
	}
	if err != nil {
		return err
	}
	if n := o.report.Different(); n > 0 {
		return fmt.Errorf("%d of %s not as recorded", n, count(o.total, "recording"))
	}
	return nil
}
