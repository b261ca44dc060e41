"use strict";
// In the head, so that a page never shows in one theme and then in the other. A file may have no storage.
try {
  const kept = localStorage.getItem("chainward-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
} catch {}
