--- Give back what a consumer holds, so that others take it over at once; remove the consumer if it holds nothing.
-- @batch 1
-- @item key stream   stream
-- @item arg group    group
-- @item arg consumer who leaves
-- @item arg lease    milliseconds
-- @returns integer   entries given back

local function item(stream, group, consumer, lease)
  local held = redis.call('XPENDING', stream, group, '-', '+', 5000, consumer)
  if #held == 0 then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
    return 0
  end
  local ids = {}
  for at, entry in ipairs(held) do
    ids[at] = entry[1]
  end
  local claim = { 'XCLAIM', stream, group, consumer, 0, unpack(ids) }
  for _, word in ipairs({ 'IDLE', lease, 'JUSTID' }) do
    claim[#claim + 1] = word
  end
  redis.call(unpack(claim))
  return #held
end
