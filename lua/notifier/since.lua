--- Read a channel's events after a position.
--
-- The position is lost when its epoch is not the history's, when it lies after the last event, or when the
-- event after it is not there any more.
-- @batch 8
-- @readonly
-- @item key history  stream
-- @item arg position <epoch>-<offset>; 0-0 before any event; - for the oldest event kept; + for the end
-- @item arg count    events at the most
-- @returns list      'ok' or 'lost', the last event's id or 0-0, then id and fields of each event

local function parts(id)
  local epoch, offset = string.match(id, '^(%d+)-(%d+)$')
  return epoch, tonumber(offset)
end

local function item(history, position, count)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  local top = last and last[1] or '0-0'
  if position == '+' or position == top then
    return { 'ok', top }
  end
  local reply = { 'ok', top }
  if position == '-' then
    for _, event in ipairs(redis.call('XRANGE', history, '-', '+', 'COUNT', count)) do
      reply[#reply + 1] = event
    end
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
  for _, event in ipairs(redis.call('XRANGE', history, first, '+', 'COUNT', count)) do
    reply[#reply + 1] = event
  end
  if reply[3] == nil or reply[3][1] ~= first then
    return { 'lost', top }
  end
  return reply
end
