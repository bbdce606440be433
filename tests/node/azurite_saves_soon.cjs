// Loaded before the storage emulator: its database is saved 50 ms after it was changed and not only
// every five seconds.
const Loki = require("lokijs");

const enable = Loki.prototype.autosaveEnable;
Loki.prototype.autosaveEnable = function (...rest) {
  this.autosaveInterval = 50;
  return enable.apply(this, rest);
};
