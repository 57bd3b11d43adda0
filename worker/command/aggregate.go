package command

import (
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/aggregate"
)

// fold is the Fold of an aggregate that has one.
func fold(aggregate string) fanfold.Fold {
	switch aggregate {
	case "count":
		return fanfold.Count
	case "first":
		return fanfold.First
	case "distinct":
		return fanfold.Distinct
	}
	return fanfold.NoFold
}

// numeric makes the aggregator of an aggregate of decimal numbers; nil for others.
func numeric(name string) aggregate.Maker {
	name, most, _ := strings.Cut(name, ":")
	switch name {
	case "sum":
		return aggregate.Sum()
	case "min":
		return aggregate.Min()
	case "max":
		return aggregate.Max()
	case "avg":
		return aggregate.Avg()
	case "top":
		if k, err := strconv.Atoi(most); err == nil && k > 0 && k <= aggregate.TopKMax {
			return aggregate.TopK(k)
		}
	}
	return nil
}
