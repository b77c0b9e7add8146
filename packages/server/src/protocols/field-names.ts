// A record's id stands beside its body, which therefore has no field `id`; clients may have one. It is kept as `_id`, `_id` as `__id`.

export function storedName(field: string): string {
  return /^_*id$/.test(field) ? `_${field}` : field;
}

export function wireName(field: string): string {
  return /^_+id$/.test(field) ? field.slice(1) : field;
}
