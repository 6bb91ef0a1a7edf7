--- Renew the leases of a worker: its sign of life. With a mark it also says that their handlers are about to be called.
--
-- Invariant: a lease that was lost is not taken back, nor marked; a mark stays as long as the lease. The worker bounds the list to 256.
-- @batch 1
-- @full runs         without it the leases of a living worker end; it changes times
-- @include stream/pending
-- @include stream/started
-- @include typed
-- @shared group    group
-- @shared consumer who has the leases
-- @item key stream stream, or the group's own
-- @item arg ids    positions, ascending, separated by spaces
-- @item arg mark   1 when their handlers are about to be called
-- @returns string  positions whose lease was lost, separated by spaces

local function item(stream, ids, mark)
  local wrong = typed(stream, 'stream')
  if wrong then
    return wrong
  end
  local all, lost = {}, {}
  for id in string.gmatch(ids, '%S+') do
    all[#all + 1] = id
  end
  local mine = {}
  local found = pending(stream, group, all, consumer)
  for _, id in ipairs(all) do
    if found[id] then
      mine[#mine + 1] = id
    else
      lost[#lost + 1] = id
    end
  end
  if mine[1] then
    if mark == '1' then
      mine[#mine + 1] = 'RETRYCOUNT'
      mine[#mine + 1] = started
    end
    mine[#mine + 1] = 'JUSTID'
    redis.call('XCLAIM', stream, group, consumer, 0, unpack(mine))
  end
  return table.concat(lost, ' ')
end
