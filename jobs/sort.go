package jobs

import (
	"cmp"
	"encoding/binary"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/sortkey"
)

// Sort gives all lines in order: of their bytes, or of sort keys cut from them. Lines that are
// equal by all sort keys come in the order of their bytes, so that the output does not depend on
// how the input was cut. See docs/programs.md for the syntax of the parameter key.
//
// The shuffle knows one order, bytes.Compare of keys. So the mapper encodes what is asked for into
// the key and puts the line behind it, and what is shown of it is the line alone.
func Sort() fanfold.Program {
	return fanfold.Program{
		Name: "sort",
		Doc:  "all lines in order",
		Params: []fanfold.Param{
			{Name: "key", Doc: "what to sort by: 2 (a field), 2-4, 2-, 0:10 (bytes), several " +
				"with commas, each with n (numeric) or r (reverse) behind it; default: the line"},
			{Name: "k", Doc: "the same as option -k of sort(1) has it, several with spaces between: " +
				"3,3nr 1,1"},
			{Name: "separator", Doc: `between fields; \t is a TAB; default: white space`},
			{Name: "numeric", Default: "false", Doc: "keys without letters of their own are numbers"},
			{Name: "reverse", Default: "false", Doc: "keys without letters of their own descend"},
		},
		Map:     newSortMapper,
		Sort:    fanfold.SortKey,
		Records: true,
		Show:    withoutKeys,
	}
}

// sortMapper puts the encoded sort keys of a record before it.
type sortMapper struct {
	keys   sortkey.Keys
	plain  bool // records without a key are in the order of their bytes
	key    []byte
	prefix []byte // uvarint length of the encoding
}

func newSortMapper(t *fanfold.Task) (fanfold.Mapper, error) {
	keys, err := sortKeys(t)
	return &sortMapper{keys: keys, plain: keys.Whole()}, err
}

// Map emits one record. If it has a key by its format, sort keys are pieces of that.
func (m *sortMapper) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	from := rec.Key
	if from == nil {
		if from = rec.Value; m.plain {
			emit.Emit(rec.Value, nil)
			return nil
		}
	}
	m.key = m.keys.Append(m.key[:0], from)
	m.prefix = binary.AppendUvarint(m.prefix[:0], uint64(len(m.key)))
	m.key = append(m.key, rec.Value...)
	emit.Emit(m.key, m.prefix)
	return nil
}

// withoutKeys gives the record that stands behind its sort keys.
func withoutKeys(key, value []byte) (k, v []byte) {
	prefix, _ := binary.Uvarint(value) // 0 where there is no value: the key is the record
	return key[prefix:], nil
}

// sortKeys reads the parameters.
func sortKeys(t *fanfold.Task) (sortkey.Keys, error) {
	var d sortkey.Defaults
	var err error
	if d.Numeric, err = t.Flag("numeric"); err != nil {
		return nil, err
	}
	if d.Reverse, err = t.Flag("reverse"); err != nil {
		return nil, err
	}
	if _, set := t.Params["separator"]; set {
		if d.Separator, err = separatorOf(t, ""); err != nil {
			return nil, err
		}
	}
	list, defs := t.Param("key", ""), strings.Fields(t.Param("k", ""))
	var keys sortkey.Keys
	switch {
	case list != "" && len(defs) > 0:
		return nil, fanfold.Errorf(fanfold.KindUsage, "parameter k", "it is key in another form")
	case len(defs) > 0:
		keys, err = sortkey.ParseDefs(defs, d)
	default:
		keys, err = sortkey.Parse(cmp.Or(list, "0:"), d)
	}
	if err != nil {
		return nil, fanfold.Errorf(fanfold.KindUsage, "parameter key", "%w", err)
	}
	return keys, nil
}
