const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const two = (value: number): string => String(value).padStart(2, "0");

const fields: Readonly<Record<string, (date: Date) => string>> = {
  "%Y": (date) => String(date.getFullYear()),
  "%y": (date) => two(date.getFullYear() % 100),
  "%m": (date) => two(date.getMonth() + 1),
  "%B": (date) => months[date.getMonth()]!,
  "%b": (date) => months[date.getMonth()]!.slice(0, 3),
  "%d": (date) => two(date.getDate()),
  "%-d": (date) => String(date.getDate()),
  "%A": (date) => days[date.getDay()]!,
  "%a": (date) => days[date.getDay()]!.slice(0, 3),
  "%H": (date) => two(date.getHours()),
  "%I": (date) => two(date.getHours() % 12 || 12),
  "%M": (date) => two(date.getMinutes()),
  "%S": (date) => two(date.getSeconds()),
  "%p": (date) => (date.getHours() < 12 ? "AM" : "PM"),
  "%%": () => "%",
};

/**
 * Writes a local time as C's `strftime` does in the English locale, which is what chat templates are written for.
 *
 * @throws Error for a field that is not known here
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%-?./gu, (field) => {
    const write = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (write === undefined) throw new Error(`the date field ${field} is not known`);
    return write(date);
  });
}
