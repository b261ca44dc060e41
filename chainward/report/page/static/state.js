"use strict";
// Everything here only adds to a page that is complete without it. What a reader chose stands in the address behind
// the anchor, "#leaderboard?q=swarm&hide=usd", which also a page opened from a disk may change.

const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const at = (id) => document.getElementById(id);

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// An anchor and the choices behind it.
function address() {
  const [anchor, ...choices] = location.hash.slice(1).split("?");
  return { anchor: decoded(anchor), choices: new URLSearchParams(choices.join("?")) };
}

let chosen = address().choices;
const listeners = [];
const onChoice = (listener) => listeners.push(listener);

function keep() {
  const { anchor } = address();
  const told = chosen.toString();
  history.replaceState(null, "", told || anchor ? `#${encodeURIComponent(anchor)}${told && `?${told}`}` : "#");
}

// Set a choice, or with an empty value undo it, and tell everybody.
function choose(name, value) {
  if (value) chosen.set(name, value);
  else chosen.delete(name);
  keep();
  for (const listener of listeners) listener();
}

// A link within the page keeps the choices; an address that brings its own is followed.
addEventListener("hashchange", () => {
  const { anchor, choices } = address();
  if ([...choices].length) {
    chosen = choices;
    for (const listener of listeners) listener();
  } else keep();
  follow(anchor);
});
