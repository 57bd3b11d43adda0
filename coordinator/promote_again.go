package coordinator

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
)

// resume finds out what an earlier promotion of the same job has moved, and gives what else is in
// the folder. What has gone from the staging folder and is in the output folder, with the same
// bytes, is the job's.
func (p *promotion) resume(ctx context.Context, names []string) (former []string, err error) {
	if names[0] == successName {
		if p.finished, err = p.isOurs(ctx); err != nil || p.finished {
			return nil, err
		}
	}
	for _, name := range names {
		if i := p.indexOf(name); i >= 0 {
			if p.parts[i].there, err = p.isThere(ctx, i); err != nil {
				return nil, err
			}
			if p.parts[i].there {
				p.resumed = true
				continue
			}
		}
		former = append(former, name)
	}
	return former, nil
}

// names are those of all files of the output.
func (p *promotion) names() (files []string) {
	for i := range p.parts {
		files = append(files, join(p.folder, partName(i)))
	}
	return append(files, join(p.folder, successName))
}

// indexOf is the part that has a name; -1: none has.
func (p *promotion) indexOf(name string) int {
	i, err := strconv.Atoi(strings.TrimPrefix(name, partPrefix))
	if err != nil || i < 0 || i >= len(p.parts) || partName(i) != name {
		return -1
	}
	return i
}

// isOurs reports whether the manifest in the folder is that of the job.
func (p *promotion) isOurs(ctx context.Context) (bool, error) {
	r, _, err := p.store.Open(ctx, join(p.folder, successName), 0)
	if err != nil {
		return false, err
	}
	defer r.Close()
	var m manifest
	text, err := io.ReadAll(io.LimitReader(r, manifestMax))
	if err != nil {
		return false, err
	}
	return json.Unmarshal(text, &m) == nil && m.Job == p.job, nil
}

// manifestMax bounds a manifest that is read: a hundred bytes for each of the most reducers.
const manifestMax = 16 << 20

// isThere reports whether a part has been moved into the folder.
func (p *promotion) isThere(ctx context.Context, i int) (bool, error) {
	part := &p.parts[i]
	from := part.from
	if from == "" {
		from = join(p.staging(), partName(i))
	}
	if _, err := p.store.Stat(ctx, from); fanfold.KindOf(err) != fanfold.KindNotFound {
		return false, err
	}
	r, info, err := p.store.Open(ctx, join(p.folder, partName(i)), 0)
	if err != nil {
		return false, err
	}
	defer r.Close()
	if part.from == "" {
		data, err := io.ReadAll(io.LimitReader(r, int64(len(part.data))+1))
		return bytes.Equal(data, part.data), err
	}
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, r); err != nil {
		return false, err
	}
	return info.Size == part.bytes && sum.Sum32() == part.crc, nil
}
