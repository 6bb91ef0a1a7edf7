--- Read a channel's events after a position.
--
-- The position is lost when its epoch is not the history's, when it lies after the last event, when another event
-- stands at its offset, or when that event or the one after it is not there any more. Without a history only the position
-- before the next one, which end.lua fixed, is good.
-- @batch 1
-- @readonly
-- @include now
-- @include notifier/tag_of
-- @include notifier/tagged
-- @shared age        milliseconds that an event is kept; 0 for no such bound
-- @item key history  stream
-- @item key next     sorted set: of channels without a history, the key of the history and its epoch to be
-- @item arg position <epoch>-<offset>-<tag>; <epoch>-0 before the first event; - for the oldest event kept
-- @item arg count    events at the most
-- @returns list      'ok' or 'lost', the position at the end (empty without a history), then of each event its id, what it
--                    coalesces with or nothing, type and data (both empty when it is not worth reading, or somebody else's
--                    entry); about 128 KiB

local ms = math.floor(now / 1000)
age = tonumber(age)

local LARGEST = 131072
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

-- A number of an entry, or one that stands for none.
local function number(text, none)
  return text and tonumber(text) or none
end

local function too_old(entry)
  return age > 0 and number(extras(entry).a, math.huge) < ms - age
end

-- Adds events from an id on, until there are enough of them or of their bytes. The first is not too old, so none is.
local function read(reply, history, from, count)
  local bytes = 0
  for _ = 1, math.ceil(count / PAGE) do
    local page = redis.call('XRANGE', history, from, '+', 'COUNT', math.min(count, PAGE))
    for _, entry in ipairs(page) do
      if bytes >= LARGEST then
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

-- The id of the oldest event that is not too old, or nothing. It is found by halving what lies between two offsets: a
-- million events take 20 reads, and no history more than 53.
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
  -- In a history of another epoch than its end all is old.
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

-- Whether it is the position before the history that is to come.
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
    local seen = redis.call('XRANGE', history, id, id)[1]
    if not seen or tagged(seen) ~= position then
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
