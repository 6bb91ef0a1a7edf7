--- Append an entry to a work queue with one group, unless one with the same dedup id is unfinished.
--
-- Invariant: of the adds with one dedup id at most one entry is unfinished: waiting, queued, delayed, running or retrying. The entry has the
-- id among its own terms, and the script that ends it frees the id (outcomes.lua): when it is done, a dead letter, cancelled or cleared. If
-- the entry was deleted by hand, the id is free after `bound`. The invariant of `stream/add` too.
-- If a process dies before a script, nothing changed; after it, the entry and its id are both there, or both gone.
-- @batch 64
-- @full refused      it adds an entry
-- @include stream/append
-- @include stream/due_at
-- @include stream/unique
-- @shared keys of  the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @item key results hash of lua/_lib/stream/outcomes.lua
-- @item key ends   its sorted set
-- @item arg id     u and the digits of the dedup id, which are among the entry's own terms
-- @item arg payload JSON text, and its tags, see lua/_lib/stream/append.lua
-- @item arg trace  traceparent, or empty
-- @item arg due    earliest time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), and a space and the key, if any
-- @item arg bound  milliseconds after which the id is free in any case, counted from the time to handle it
-- @returns string|null the entry's id, with a leading = if it was added before; null when the stream is full

local stream = append.open(of, 1, limits)

local function item(results, ends, id, payload, trace, due, bound)
  local wrong = unique.wrong(results, ends)
  if wrong then
    return wrong
  end
  local known = unique.known(results, ends, id)
  if known then
    return '=' .. known
  end
  local may = append.prepare(stream)
  if may ~= true then
    return may
  end
  local added = append.apply(stream, payload, trace, due)
  if type(added) == 'string' then
    unique.put(results, ends, id, added, due_at(string.match(due, '^[^%s;]*')), bound)
  end
  return added
end
