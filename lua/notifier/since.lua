--- Read a channel's events after a position.
--
-- The position is lost in these cases: its epoch is not the history's; it is after the last event; another event has its
-- offset; its event or the one after it was deleted. Without a history only the position before the next one is good,
-- which end.lua fixed.
-- @batch 1
-- @readonly
-- @include now
-- @include notifier/tag_of
-- @include notifier/tagged
-- @shared age        milliseconds after which an event is deleted; 0: no limit
-- @item key history  stream
-- @item key next     sorted set for channels without a history: key and epoch of the next history
-- @item arg position <epoch>-<offset>-<tag>; <epoch>-0 before the first event; - for the oldest event
-- @item arg count    the most events
-- @returns list      'ok' or 'lost', the position at the end (empty without a history), then of each event: id, coalesce
--                    name (may be empty), type and data (both empty for an expired event and for an entry that another
--                    program wrote); about 128 KiB

local ms = math.floor(now / 1000)
age = tonumber(age)

local MAX_BYTES = 131072
local PAGE = 20

local NONE = {}

local function extras(entry)
  local fields = entry[2]
  if #fields == 6 or not tag_of(entry) then
    return NONE
  end
  local found = {}
  for at = 7, #fields - 1, 2 do
    found[fields[at]] = fields[at + 1]
  end
  return found
end

-- A number of an entry, or a default.
local function number(text, none)
  return text and tonumber(text) or none
end

local function too_old(entry)
  return age > 0 and number(extras(entry).a, math.huge) < ms - age
end

-- Adds events from an id on, until there are enough events or bytes. The first is not too old, so none is.
local function read(reply, history, from, count)
  local bytes = 0
  for _ = 1, math.ceil(count / PAGE) do
    local page = redis.call('XRANGE', history, from, '+', 'COUNT', math.min(count, PAGE))
    for _, entry in ipairs(page) do
      if bytes >= MAX_BYTES then
        return
      end
      local fields, extra = entry[2], extras(entry)
      if not tag_of(entry) or number(extra.x, math.huge) <= ms then
        reply[#reply + 1] = { tagged(entry), '', '', '' }
      else
        reply[#reply + 1] = { tagged(entry), extra.c or '', fields[2], fields[4] }
        bytes = bytes + #fields[4]
      end
      from = '(' .. entry[1]
    end
    if #page < PAGE then
      return
    end
    count = count - #page
  end
end

-- The id of the oldest event that is not too old, or nothing. A binary search over the offsets: a million events take 20
-- reads, and no history takes more than 53.
local function oldest(history, last)
  local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 1)[1]
  if not too_old(first) then
    return first[1]
  end
  if too_old(last) then
    return nil
  end
  local epoch, offset = string.match(last[1], '(%d+)-(%d+)')
  local from, to = string.match(first[1], '(%d+)-(%d+)')
  -- Events of another epoch than the last one are too old.
  local old = from == epoch and tonumber(to) or 0
  local kept = tonumber(offset)
  for _ = 1, 53 do
    local middle = math.floor((old + kept) / 2)
    if middle <= old or middle >= kept then
      break
    end
    local entry = redis.call('XRANGE', history, epoch .. '-' .. string.format('%.0f', middle), '+', 'COUNT', 1)[1]
    if too_old(entry) then
      old = middle
    else
      kept = middle
    end
  end
  return epoch .. '-' .. string.format('%.0f', kept)
end

-- Whether it is the position before the next history.
local function is_next(next, history, position)
  local epoch = redis.call('ZSCORE', next, history)
  return epoch and position == string.format('%.0f-0', epoch)
end

local function item(history, next, position, count)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  if not last then
    if position == '-' then
      return { 'ok', '' }
    end
    return is_next(next, history, position) and { 'ok', position } or { 'lost', '' }
  end
  local top = tagged(last)
  local reply = { 'ok', top }
  if position == top then
    return reply
  end
  if position == '-' then
    local first = oldest(history, last)
    if first then
      read(reply, history, first, tonumber(count))
    end
    return reply
  end

  local top_epoch, top_offset = string.match(last[1], '(%d+)-(%d+)')
  local epoch, offset = string.match(position, '^(%d+)-(%d+)')
  offset = tonumber(offset)
  if epoch ~= top_epoch or offset >= tonumber(top_offset) then
    return { 'lost', top }
  end
  if offset > 0 then
    local id = epoch .. '-' .. string.format('%.0f', offset)
    local known = redis.call('XRANGE', history, id, id)[1]
    if not known or tagged(known) ~= position then
      return { 'lost', top }
    end
  end
  local first = epoch .. '-' .. string.format('%.0f', offset + 1)
  local following = redis.call('XRANGE', history, first, first)[1]
  if not following or too_old(following) then
    return { 'lost', top }
  end
  read(reply, history, first, tonumber(count))
  return reply
end
