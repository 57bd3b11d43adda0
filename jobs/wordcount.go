package jobs

import "github.com/fanfold/fanfold"

// WordCount counts words. A word is a maximal run of bytes other than ASCII white space or, with
// `-p words=letters`, of Unicode letters.
func WordCount() fanfold.Program {
	return fanfold.Program{
		Name:   "wordcount",
		Doc:    "count words",
		Params: []fanfold.Param{wordsParam},
		Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
			next, err := tokenizer(t)
			if err == nil && t.Param(wordsParam.Name, wordsParam.Default) == wordsParam.Default {
				return byteWords{}, nil
			}
			return wordCounter{next}, err
		},
		Fold: fanfold.Count,
	}
}

// wordCounter takes whole blocks, because no word reaches from one line into the next: there is no
// call per line, and none per word but the tokenizer's.
type wordCounter struct {
	next func(text []byte) (word, rest []byte)
}

// Map emits the words of one line.
func (m wordCounter) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	return m.MapBlock(rec.Value, rec.Offset, emit)
}

// MapBlock emits the words of a block of lines.
func (m wordCounter) MapBlock(block []byte, _ int64, emit *fanfold.Emitter) error {
	for word, rest := m.next(block); len(word) > 0; word, rest = m.next(rest) {
		emit.Add(word, 1)
	}
	return nil
}

// byteWords is a wordCounter whose words are those of fanfold.NextWord.
type byteWords struct{}

// Map emits the words of one line.
func (byteWords) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	emit.AddWords(rec.Value, 1)
	return nil
}

// MapBlock emits the words of a block of lines.
func (byteWords) MapBlock(block []byte, _ int64, emit *fanfold.Emitter) error {
	emit.AddWords(block, 1)
	return nil
}

// wordsParam is the parameter of the programs that cut text into words; see tokenizer.
var wordsParam = fanfold.Param{
	Name: "words", Default: "bytes",
	Doc: "what a word is: bytes (other than white space) or letters (of Unicode)",
}

// tokenizer gives the function that cuts the first word off a text.
func tokenizer(t *fanfold.Task) (func(text []byte) (word, rest []byte), error) {
	switch words := t.Param(wordsParam.Name, wordsParam.Default); words {
	case "bytes":
		return fanfold.NextWord, nil
	case "letters":
		return fanfold.NextLetters, nil
	default:
		return nil, fanfold.Errorf(fanfold.KindUsage, "parameter words",
			"%q is neither bytes nor letters", words)
	}
}
