-- `publishing`: events that a call of record/effects.lua publishes in a channel. `keep`, `ttl` and `age`: see notifier/publication.lua.
-- An event that depends on a group of the kind `announce` gets the change of the ranking into its JSON object, and is left out if there is
-- none.
-- @include notifier/publication
local publishing = { rank = 1, texts = 5, lean_texts = 3, fields = 3, open = nil, commands = nil, prepare = nil, apply = nil }

function publishing.open(group, keys, from, _, fields, at)
  group.of = {
    history = false,
    next = keys[from],
    live = false,
    keep = fields[at],
    ttl = fields[at + 1],
    age = tonumber(fields[at + 2]),
    window = 0,
    id = '',
    tag = '',
    at = 0,
    reserved = false,
  }
end

-- publication.lua asks for the right to SPUBLISH, channel by channel.
function publishing.commands(group)
  return group.of.age > 0 and { 'XADD', 'PEXPIRE', 'ZREM', 'XINFO', 'XRANGE', 'XTRIM' } or { 'XADD', 'PEXPIRE', 'ZREM', 'XINFO' }
end

function publishing.prepare(group, texts, from, key)
  local channel = group.of
  channel.history, channel.live = key, texts[from]
  local may = publication.prepare(channel)
  if may ~= true then
    return nil, may
  end
  return true
end

-- The events that wait for another group are published behind others, perhaps in the same channel: the history is read again.
local function read_again(channel)
  local may = publication.prepare(channel)
  if may ~= true then
    error(may)
  end
end

-- Publishes the one event of a group that depends on a change of a board.
local function announce(group, texts, from, board)
  local change = board.ranking[group.line]
  if not change then
    return ''
  end
  local json = texts[from + 2]
  local coalesce, lasts = '', '0'
  if not group.lean then
    coalesce, lasts = texts[from + 3], texts[from + 4]
  end
  local before = json == '{}' and '{' or string.sub(json, 1, -2) .. ','
  read_again(group.of)
  return publication.apply(group.of, nil, texts[from + 1], before .. change .. '}', coalesce, lasts)
end

function publishing.apply(group, _, texts, from, other)
  if other and other.announces then
    return announce(group, texts, from, other)
  end
  local channel = group.of
  if other then
    read_again(channel)
  end
  if group.lean and group.n == 1 then
    return publication.apply(channel, nil, texts[from + 1], texts[from + 2], '', '0')
  end
  local ids = {}
  for nth = 1, group.n do
    local id
    if group.lean then
      id = publication.apply(channel, nil, texts[from + 1], texts[from + 2], '', '0')
      from = from + 3
    else
      id = publication.apply(channel, nil, texts[from + 1], texts[from + 2], texts[from + 3], texts[from + 4])
      from = from + 5
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
