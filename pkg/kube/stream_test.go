package kube

import (
	"strings"
	"testing"
)

const (
	at1 = "2026-11-23T21:00:01.000000001Z "
	at2 = "2026-11-23T21:00:02Z "
	at3 = "2026-11-23T21:00:03.5+00:00 "
)

func TestLineCopier(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	tests := []struct {
		name       string
		timestamps bool
		readings   []string // what one connection after the other gives
		want       string
	}{
		{"nothing", false, []string{""}, ""},
		{"lines without their times", false, []string{at1 + "one\n" + at2 + "two\n"}, "one\ntwo\n"},
		{"lines with their times", true, []string{at1 + "one\n"}, at1 + "one\n"},
		{"an empty line", false, []string{at1 + "\n" + at2 + "two\n"}, "\ntwo\n"},
		{"no end of the last line", false, []string{at1 + "one"}, "one"},
		{"a long line", false, []string{at1 + long + "\n"}, long + "\n"},
		{"unicode", false, []string{at1 + "\U0001F6EB grün\n"}, "\U0001F6EB grün\n"},
		{"a remark without a time", false, []string{"unable to retrieve container logs\n"}, "unable to retrieve container logs\n"},
		{
			"a second reading repeats from the second on",
			false,
			[]string{at1 + "one\n" + at2 + "two\n", at2 + "two\n" + at3 + "three\n"},
			"one\ntwo\nthree\n",
		},
		{
			"lines of the same time",
			false,
			[]string{at2 + "a\n" + at2 + "b\n", at2 + "a\n" + at2 + "b\n" + at2 + "c\n"},
			"a\nb\nc\n",
		},
		{
			"a third reading",
			false,
			[]string{at2 + "a\n", at2 + "a\n" + at2 + "b\n", at2 + "a\n" + at2 + "b\n" + at3 + "c\n"},
			"a\nb\nc\n",
		},
		{"a line that was cut off", false, []string{at1 + "one\n" + at2 + "tw", at2 + "two\n" + at3 + "three\n"}, "one\ntwo\nthree\n"},
		{"a cut line with its time", true, []string{at2 + "tw", at2 + "two\n"}, at2 + "two\n"},
		{"a line cut off twice", false, []string{at2 + "t", at2 + "tw", at2 + "two\n" + at3 + "three\n"}, "two\nthree\n"},
		{"a long line that was cut off", false, []string{at2 + long[:150_000], at2 + long + "\n"}, long + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got strings.Builder
			copier := lineCopier{to: &got, timestamps: test.timestamps}
			for _, reading := range test.readings {
				if err := copier.copy(strings.NewReader(reading)); err != nil {
					t.Fatal(err)
				}
			}
			if got.String() != test.want {
				t.Errorf("copied %.200q, want %.200q", got.String(), test.want)
			}
			if copier.bytes != int64(len(test.want)) {
				t.Errorf("counted %d bytes of %d", copier.bytes, len(test.want))
			}
		})
	}
}
