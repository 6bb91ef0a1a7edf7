--- Read a channel's events after a position.
--
-- The position is lost when its epoch is not the history's, when it lies after the last event, or when the
-- event after it is not there any more.
-- @batch 1
-- @readonly
-- @item key history  stream
-- @item arg position <epoch>-<offset>; 0-0 before any event; - for the oldest event kept
-- @item arg count    events at the most
-- @returns list      'ok' or 'lost', the last event's id or 0-0, then id and fields of each event; about 128 KiB

local function parts(id)
  local epoch, offset = string.match(id, '^(%d+)-(%d+)$')
  return epoch, tonumber(offset)
end

local LARGEST = 131072

-- Adds events from an id on, until there are enough of them or of their bytes.
local function read(reply, history, from, count)
  local bytes = 0
  while count > 0 and bytes < LARGEST do
    local events = redis.call('XRANGE', history, from, '+', 'COUNT', math.min(count, 20))
    for _, event in ipairs(events) do
      if bytes < LARGEST then
        reply[#reply + 1] = event
        bytes = bytes + #event[2][4]
        from = '(' .. event[1]
      end
    end
    if #events < math.min(count, 20) then
      return
    end
    count = count - #events
  end
end

local function item(history, position, count)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  local top = last and last[1] or '0-0'
  if position == top then
    return { 'ok', top }
  end
  local reply = { 'ok', top }
  if position == '-' then
    read(reply, history, '-', tonumber(count))
    return reply
  end

  local epoch, offset = parts(position)
  local top_epoch, top_offset = parts(top)
  if position == '0-0' then
    epoch = top_epoch
  end
  if epoch ~= top_epoch or offset > top_offset then
    return { 'lost', top }
  end
  local first = epoch .. '-' .. string.format('%.0f', offset + 1)
  read(reply, history, first, tonumber(count))
  if reply[3] == nil or reply[3][1] ~= first then
    return { 'lost', top }
  end
  return reply
end
