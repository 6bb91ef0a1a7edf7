-- `adding`: entries that a call of record/effects.lua adds to a stream. `limits`: see stream/append.lua.
-- @include stream/append
local adding = { rank = 4, texts = 3, lean_texts = 1, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }

-- `streams` has the streams that are open, by key.
function adding.open(group, keys, from, _, fields, at, streams)
  local key = keys[from]
  streams[key] = streams[key] or append.open(keys, from, fields[at])
  group.of = streams[key]
end

function adding.commands(group)
  if group.of.ordered then
    return { 'XADD', 'XGROUP', 'XSETID', 'XINFO', 'ZADD', 'HEXISTS', 'HSET', 'HINCRBY' }
  end
  return group.of.names ~= '' and { 'XADD', 'XGROUP' } or { 'XADD' }
end

function adding.prepare(group)
  local stream = group.of
  -- An item before may have been refused after it was prepared.
  stream.prepared = 0
  for nth = 1, group.n do
    local may = append.prepare(stream)
    if may == false then
      return nil, nth .. ' full'
    elseif may ~= true then
      return nil, may
    end
  end
  return true
end

function adding.apply(group, _, texts, from)
  local stream, lean = group.of, group.lean
  if lean and group.n == 1 then
    return append.apply(stream, texts[from], '', '')
  end
  local ids = {}
  for nth = 1, group.n do
    local id
    if lean then
      id = append.apply(stream, texts[from], '', '')
      from = from + 1
    else
      id = append.apply(stream, texts[from], texts[from + 1], texts[from + 2])
      from = from + 3
    end
    if type(id) == 'table' then
      if nth > 1 then
        error(id)
      end
      return id
    end
    ids[nth] = id
  end
  return table.concat(ids, '\n')
end
