/* Keeps the page live: asks once a second whether anything is new, fetches the page again if so, and changes
   only the entries that differ. What the reader has open, typed or scrolled to stays where it is. */
(function () {
  "use strict";
  var version = document.body.dataset.version;

  function showClocks(root) {
    root.querySelectorAll("time[datetime]").forEach(function (clock) {
      clock.textContent = new Date(clock.dateTime).toLocaleTimeString(document.documentElement.lang);
    });
  }

  function isAtEnd(list) {
    return list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  }

  function merge(before, after) {
    var kept = new Map();
    Array.from(before.children).forEach(function (entry) {
      kept.set(entry.id, entry);
    });
    var previous = null;
    Array.from(after.children).forEach(function (fresh) {
      var entry = kept.get(fresh.id);
      kept.delete(fresh.id);
      if (!entry || entry.dataset.revision !== fresh.dataset.revision) {
        showClocks(fresh);
        if (entry) {
          entry.replaceWith(fresh);
        }
        entry = fresh;
      }
      var place = previous ? previous.nextElementSibling : before.firstElementChild;
      if (place !== entry) {
        before.insertBefore(entry, place);
      }
      previous = entry;
    });
    kept.forEach(function (gone) {
      gone.remove();
    });
  }

  function take(page) {
    if (page.body.dataset.number !== document.body.dataset.number ||
        page.body.dataset.address !== document.body.dataset.address) {
      window.location.reload();
      return;
    }
    document.querySelectorAll("[data-live]").forEach(function (before) {
      var after = page.querySelector('[data-live="' + before.dataset.live + '"]');
      var follow = before.id === "talk" && isAtEnd(before);
      merge(before, after);
      if (follow) {
        before.scrollTop = before.scrollHeight;
      }
    });
    version = page.body.dataset.version;
  }

  /* The choice that the page was shown with, so that a newer message to somebody else does not take it away. */
  function address() {
    var url = new URL(window.location.href);
    if (document.body.dataset.number) {
      url.searchParams.set("phone", document.body.dataset.number);
    }
    if (document.body.dataset.address) {
      url.searchParams.set("mail", document.body.dataset.address);
    }
    return url;
  }

  function look() {
    fetch("/version", { cache: "no-store" })
      .then(function (answer) {
        return answer.json();
      })
      .then(function (now) {
        if (String(now.version) === version) {
          return null;
        }
        return fetch(address(), { cache: "no-store" })
          .then(function (answer) {
            return answer.text();
          })
          .then(function (text) {
            take(new DOMParser().parseFromString(text, "text/html"));
          });
      })
      .catch(function () {
        /* the sandbox is away: look again in a second */
      })
      .finally(function () {
        window.setTimeout(look, 1000);
      });
  }

  showClocks(document);
  var talk = document.getElementById("talk");
  talk.scrollTop = talk.scrollHeight;
  window.setTimeout(look, 1000);
})();
