// Package corpus makes the data of benchmarks and tests: text with the word frequencies of natural
// language, and records to sort. `fanfold gen`, bench and tests use it.
//
// The one idea needed to read it: a corpus is a function of its configuration. The same one gives
// the same bytes on every machine and in every version, so that a seed can stand for data; golden
// hashes in the tests hold this.
package corpus
