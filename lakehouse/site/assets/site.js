// A built page ages: times are told again from the reader's clock, so that an old page can't look fresh.
"use strict";
const units = [[86400, "day"], [3600, "hour"], [60, "minute"]];

function spoken(seconds) {
  for (const [size, unit] of units) {
    const count = Math.floor(Math.abs(seconds) / size);
    if (count) {
      const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
      return seconds > 0 ? `${text} ago` : `in ${text}`;
    }
  }
  return "just now";
}

function retell() {
  for (const time of document.querySelectorAll("time:not(.fixed)")) {
    time.textContent = spoken((Date.now() - Date.parse(time.dateTime)) / 1000);
  }
}

retell();
setInterval(retell, 60000);
