package till

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

type (
	seenInput struct {
		ID int64 `path:"id" doc:"A notice of GET /v1/status"`
	}
	backupOutput struct{ Body api.BackupMade }
)

// routeCare is what people do for the ledger itself.
func (t *till) routeCare(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: http.MethodPost, Path: "/v1/notices/{id}/seen", Tag: "store", Summary: "A person has seen a notice",
		Problems: []api.Code{api.CodeStorage, api.CodeUnavailable}}, t.saw)
	serve.Handle(s, serve.Route{Method: http.MethodPost, Path: "/v1/backups", Status: http.StatusCreated, Tag: "store", Summary: "Copy the ledger while the store sells",
		Detail:   "For shelfsync-agent backup, which proves the copy and takes it where it is wanted. It is made in the ledger's folder, under one name.",
		Problems: []api.Code{api.CodeNotAllowed, api.CodeStorage, api.CodeUnavailable}}, t.backup)
}

func (t *till) backup(ctx context.Context, _ *struct{}) (*backupOutput, error) {
	err := t.Store.Backup(ctx)
	switch {
	case errors.Is(err, agent.ErrCopying) || errors.Is(err, agent.ErrNoRoomForCopy):
		return nil, api.NewProblem(api.CodeNotAllowed, err.Error())
	case errors.Is(err, agent.ErrStopped) || ctx.Err() != nil:
		return nil, ending(err)
	case err != nil:
		serve.Log(ctx).Error("the ledger was not copied", "err", err)
		return nil, api.NewProblem(api.CodeStorage, "the ledger was not copied: "+err.Error())
	}
	return &backupOutput{api.BackupMade{File: ledger.CopyName}}, nil
}

func (t *till) saw(ctx context.Context, in *seenInput) (*statusOutput, error) {
	err := t.ask(ctx, func(a *agent.Agent) error {
		if err := a.Saw(in.ID); err != nil {
			return api.NewProblem(api.CodeStorage, "it is not noted that the notice was seen; the agent starts again")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t.status(ctx, nil)
}

// postSeen is the button under a notice.
func (t *till) postSeen(w http.ResponseWriter, r *http.Request) {
	values, err := formValues(w, r)
	if err == nil {
		var id int64
		if id, err = strconv.ParseInt(values.Get("id"), 10, 64); err != nil {
			err = api.Invalid(api.FieldError{Path: "id", Message: "is the number of a notice"})
		} else {
			_, err = t.saw(r.Context(), &seenInput{id})
		}
	}
	if err != nil {
		serve.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// notices are what people have not seen yet, in sentences.
func (t *till) notices(a *agent.Agent) (list []api.Notice) {
	told, err := a.Notices()
	if err != nil {
		return nil // the error has stopped the agent
	}
	for _, n := range told {
		notice := api.Notice{ID: n.ID, Kind: n.Kind, Text: t.noticeText(n), Epoch: n.Epoch, After: n.After, UpTo: n.UpTo}
		if n.At > 0 {
			notice.Last = time.UnixMilli(n.At).UTC()
		}
		list = append(list, notice)
	}
	return list
}

// noticeWords say what happened.
var noticeWords = map[string]string{
	ledger.NoticeLost:     "The ledger of this PC has lost its end: operations %[3]d to %[4]d of %[1]s.%[2]s were recorded, and are not here.",
	ledger.NoticeOther:    "Another ledger, or an older copy, was put in the place of the ledger of this PC.",
	ledger.NoticeMark:     "The file that says how far the ledger of this PC had come was missing or damaged, so nobody can tell whether it is whole.",
	ledger.NoticeRestored: "The ledger of this PC was restored from a backup.",
}

func (t *till) noticeText(n ledger.Notice) string {
	text := fmt.Sprintf(noticeWords[n.Kind], t.Location, n.Epoch, n.After+1, n.UpTo)
	if n.Kind != ledger.NoticeLost {
		text = noticeWords[n.Kind]
	}
	if n.After == 0 {
		return text + " It holds no operation of before."
	}
	return text + fmt.Sprintf(" The last operation of before that is here is %s.%s.%d.", t.Location, n.Epoch, n.After)
}
