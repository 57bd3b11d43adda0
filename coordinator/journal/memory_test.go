package journal_test

import (
	"testing"

	"github.com/fanfold/fanfold/coordinator/journal"
	"github.com/fanfold/fanfold/coordinator/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Test(t, func(*testing.T) journal.Journal { return journal.Memory() })
}
