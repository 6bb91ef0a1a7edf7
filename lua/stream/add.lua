--- Append an entry.
--
-- Invariant: an entry that some group of the stream was not given or has not finished is never trimmed, unless the log is
-- lossy. In a work queue nothing is trimmed: the script that finishes entries deletes them.
-- @batch 64
-- @full refused      it adds an entry
-- @include stream/append
-- @shared keys of  the stream
-- @shared limits   of the stream, see lua/_lib/stream/append.lua
-- @item arg payload JSON text
-- @item arg trace  traceparent or nothing
-- @item arg due    not before: milliseconds since 1970, +milliseconds from now, or nothing
-- @returns string|null the entry's id; null when the stream is full

local stream = append.open(of[1], limits)

local function item(payload, trace, due)
  local may = append.prepare(stream)
  if may ~= true then
    return may
  end
  return append.apply(stream, payload, trace, due)
end
