// Reads the page again when the store changes, and puts its parts in place. The
// search field is left alone, so nobody loses what they are typing.
const pause = Number(document.body.dataset.refresh);
let waiting = false;

async function refresh() {
  waiting = false;
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (next && next.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(next));
  }
}

function soon() {
  if (waiting) return;
  waiting = true;
  setTimeout(() => refresh().catch(() => {}), pause);
}

// A task is done once, however often the button is pressed: the key names the task.
document.addEventListener("click", async (click) => {
  const { done, key } = click.target.dataset ?? {};
  if (!done) return;
  click.target.disabled = true;
  const answer = await fetch(`/v1/tasks/${done}/done`, { method: "POST", headers: { "Idempotency-Key": key } }).catch(() => null);
  if (!answer?.ok) click.target.disabled = false;
  soon();
});

const events = new EventSource("/v1/events");
for (const name of ["stock", "status", "outcome", "reset"]) events.addEventListener(name, soon);
events.addEventListener("open", soon);
setInterval(soon, 30_000); // ages and the time since grow without an event
