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

document.addEventListener("click", (click) => {
  if ("print" in (click.target.dataset ?? {})) window.print();
});

if (pause) watch(); // a slip is read once

function watch() {
  const events = new EventSource("/v1/events");
  for (const name of ["stock", "status", "outcome", "reset"]) events.addEventListener(name, soon);
  events.addEventListener("open", soon);
  setInterval(soon, 30_000); // ages and the time since grow without an event
}
