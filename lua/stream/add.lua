--- Append an entry.
--
-- Invariant: an entry that a group has not read or not finished is never trimmed, unless the log is lossy. Adds to a work queue
-- trim nothing: the script that finishes entries deletes them.
-- @batch 64
-- @full refused      it adds an entry
-- @include stream/append
-- @shared keys of  the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @item arg payload JSON text, and its tags, see lua/_lib/stream/append.lua
-- @item arg trace  traceparent, or empty
-- @item arg due    earliest time to handle it: milliseconds since 1970, +milliseconds from now, or empty; then a semicolon and its own terms (entry.lua), and a space and the key, if any
-- @returns string|null the entry's id; null when the stream is full

local stream = append.open(of, 1, limits)

local function item(payload, trace, due)
  local may = append.prepare(stream)
  if may ~= true then
    return may
  end
  return append.apply(stream, payload, trace, due)
end
