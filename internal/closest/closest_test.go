package closest_test

import (
	"testing"

	"github.com/fanfold/fanfold/internal/closest"
)

func TestName(t *testing.T) {
	known := []string{"wordcount", "count", "sum", "sort"}
	tests := []struct{ typed, want string }{
		{"wordcuont", "wordcount"},
		{"cuont", "count"},
		{"sun", "sum"},
		{"sorted", "sort"},
		{"sum", "sum"},
		{"", ""},
		{"abc", ""},
		{"inverted-index", ""},
	}
	for _, test := range tests {
		if got := closest.Name(test.typed, known); got != test.want {
			t.Errorf("Name(%q): got %q, want %q", test.typed, got, test.want)
		}
	}
}
