/** Loaded into a netbind before its own code: its time of day jumps by up to a day, forth and back, every time it is asked. */
const now = Date.now.bind(Date);
const DAY = 24 * 60 * 60 * 1000;
Date.now = () => now() + Math.round((Math.random() * 2 - 1) * DAY);
