package command

import "strings"

// shownMax is how many bytes of a command line are shown in messages.
const shownMax = 200

// Quote is the inverse of Split: one line that Split would split into argv.
func Quote(argv []string) string {
	words := make([]string, len(argv))
	for i, word := range argv {
		words[i] = quoteWord(word)
	}
	return strings.Join(words, " ")
}

// special are the characters that a word with none of them needs no quotes for, in any shell.
const special = " \t\n\\'\"`|&;<>()$*?[]{}#~!"

func quoteWord(word string) string {
	if word != "" && !strings.ContainsAny(word, special) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// shorten is a command line as messages show it.
func shorten(line string) string {
	if len(line) > shownMax {
		line = strings.ToValidUTF8(line[:shownMax], "") + "…"
	}
	return "`" + line + "`"
}
