package fanfold

import "strconv"

// Flag is a parameter that is on or off: off when the job does not set it, on for `-p name` alone.
// The error is for the program to return: its kind is KindUsage.
func (t *Task) Flag(name string) (bool, error) {
	text, set := t.Params[name]
	if text == "" {
		return set, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, Errorf(KindUsage, "parameter "+name, "%q is neither true nor false", text)
	}
	return on, nil
}

// Int is a parameter that is a whole number, or otherwise when the job does not set it. The error
// is for the program to return: its kind is KindUsage.
func (t *Task) Int(name string, otherwise int) (int, error) {
	text, set := t.Params[name]
	if !set {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, Errorf(KindUsage, "parameter "+name, "%q is not a whole number", text)
	}
	return n, nil
}
